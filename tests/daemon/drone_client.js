// Drives the daemon as a program that was written for Drone: prints what each call answered, as JSON.
const drone = require("drone-node");

const client = new drone.Client({ url: process.env.BRIDGE_URL, token: process.env.BRIDGE_TOKEN });
const pause = (ms) => new Promise((resume) => setTimeout(resume, ms));

const until = async (number, ends) => {
  for (;;) {
    const build = await client.getBuild("acme", "shop", number);
    if (ends.includes(build.status)) return build;
    await pause(100);
  }
};

const main = async () => {
  const said = {};
  said.first = await until(1, ["success"]);
  said.list = await client.getBuilds("acme", "shop");
  said.newest = await client.getLastBuild("acme", "shop");
  said.log = await client.getBuildLogs("acme", "shop", 1, 1);
  said.restarted = await client.restartBuild("acme", "shop", 1);
  said.again = await until(1, ["success"]);
  await client.restartBuild("acme", "shop", 1);
  await client.stopBuild("acme", "shop", 1, 1);
  said.stopped = await until(1, ["killed", "success"]);
  said.absent = await client.getBuild("acme", "none", 1).catch((error) => error.statusCode);
  console.log(JSON.stringify(said));
};

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
