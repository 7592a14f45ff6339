"""`doctor`: small checks of what surrounds the daemon, each with what was found and the cure."""
