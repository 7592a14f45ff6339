"""The commonest mistakes with Alauda-style services, by what is said of each."""

from support.mistakes import Make, answers, common, fake, given

TOLD: dict[str, Make] = {
    **common("Alauda"),
    "Alauda answered with something that is not its API's JSON": answers(200, b"{}"),
    "Alauda rejects the token (401): check it": given(token="revoked"),
    "the token may not do this in Alauda (403): check its rights": answers(403),
    "Alauda shows no repository 'acme/shpo' to this token (404): check `url`, `repository` and the token's "
    "rights": given(repository="acme/shpo"),
    "Alauda does not list the builds of the repository (404): check `url`": answers(404, match="/v1/builds"),
    "`tag: nightly` is none of them, so Alauda will reject builds": given(tag="nightly"),
    "the repository acme/shop is there, and builds no tag": fake(tags={}),
}
ORDERED: dict[str, Make] = {
    "the repository acme/shop builds none of the tags latest: it has stable, nightly; set `tag` to one of "
    "them": fake(tags={"stable": "release", "nightly": "master"}),
    "Alauda does not take the order (400): check `tag` and the tags of the repository acme/shop": given(
        tag="nightly"
    ),
}
