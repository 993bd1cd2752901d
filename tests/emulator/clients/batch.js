// What a script of @azure/batch does, on the account that the environment names. Prints what it saw, as JSON.
const { BatchServiceClient, BatchSharedKeyCredentials } = require("@azure/batch");

const { AZURE_BATCH_ACCOUNT, AZURE_BATCH_ACCESS_KEY, AZURE_BATCH_ENDPOINT } = process.env;
const credentials = new BatchSharedKeyCredentials(AZURE_BATCH_ACCOUNT, AZURE_BATCH_ACCESS_KEY);
const client = new BatchServiceClient(credentials, AZURE_BATCH_ENDPOINT);

async function main() {
  await client.pool.add({
    id: "js",
    vmSize: "standard_d2ds_v5",
    targetDedicatedNodes: 1,
    virtualMachineConfiguration: {
      imageReference: { publisher: "canonical", offer: "ubuntu-24_04-lts", sku: "server" },
      nodeAgentSKUId: "batch.node.ubuntu 24.04",
    },
  });
  await client.job.add({ id: "js", poolInfo: { poolId: "js" } });
  const added = await client.task.addCollection("js", [
    { id: "a", commandLine: "/bin/bash -c 'echo hello'" },
    { id: "b", commandLine: "false" },
  ]);
  let tasks = [];
  for (let n = 0; n < 300; n++) {
    tasks = await client.task.list("js");
    if (tasks.every((task) => task.state === "completed")) break;
    await new Promise((done) => setTimeout(done, 100));
  }
  const pools = await client.pool.list();
  let code = "";
  try {
    await client.pool.get("none");
  } catch (error) {
    code = error.code || (error.body && error.body.code);
  }
  await client.job.deleteMethod("js");
  await client.pool.deleteMethod("js");
  const results = tasks.map((task) => [task.id, task.executionInfo.exitCode, task.executionInfo.result]);
  console.log(JSON.stringify({ added: added.value.map((item) => item.status), results, pools: pools.map((p) => p.id), code }));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
