// What a script of npm's azure-batch does, on the account that the environment names. Prints what it saw, as JSON.
const batch = require("azure-batch");

const { AZURE_BATCH_ACCOUNT, AZURE_BATCH_ACCESS_KEY, AZURE_BATCH_ENDPOINT } = process.env;
const credentials = new batch.SharedKeyCredentials(AZURE_BATCH_ACCOUNT, AZURE_BATCH_ACCESS_KEY);
const client = new batch.ServiceClient(credentials, AZURE_BATCH_ENDPOINT);

async function main() {
  await client.pool.add({
    id: "js",
    vmSize: "STANDARD_D2DS_V5",
    maxTasksPerNode: 2,
    targetDedicatedNodes: 1,
    virtualMachineConfiguration: {
      imageReference: { publisher: "canonical", offer: "ubuntu-24_04-lts", sku: "server" },
      nodeAgentSKUId: "batch.node.ubuntu 24.04",
    },
  });
  const pool = await client.pool.get("js");
  await client.job.add({ id: "js", poolInfo: { poolId: "js" } });
  await client.task.add("js", { id: "t", commandLine: "/bin/true" });
  let counts;
  do {
    await new Promise((resolve) => setTimeout(resolve, 100));
    counts = await client.job.getTaskCounts("js");
  } while (counts.completed < 1);
  const task = await client.task.get("js", "t");
  const result = [task.id, task.executionInfo.exitCode, task.executionInfo.result];
  console.log(JSON.stringify({ tasksPerNode: pool.maxTasksPerNode, result, succeeded: counts.succeeded }));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
