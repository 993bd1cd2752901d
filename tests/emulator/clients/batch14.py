"""What a script of azure-batch 14 does, on the account that the environment names. Prints what it saw, as JSON."""

import json
import os
import sys
import time

from azure.batch import BatchServiceClient, models
from azure.batch.batch_auth import SharedKeyCredentials

credentials = SharedKeyCredentials(os.environ["AZURE_BATCH_ACCOUNT"], os.environ["AZURE_BATCH_ACCESS_KEY"])
client = BatchServiceClient(credentials, batch_url=os.environ["AZURE_BATCH_ENDPOINT"])

image = models.ImageReference(publisher="canonical", offer="ubuntu-24_04-lts", sku="server")
machine = models.VirtualMachineConfiguration(
    image_reference=image, node_agent_sku_id="batch.node.ubuntu 24.04"
)
pool = models.PoolAddParameter(
    id="old",
    vm_size="STANDARD_D2DS_V5",
    virtual_machine_configuration=machine,
    target_dedicated_nodes=1,
    target_node_communication_mode="classic",
    resource_tags={"team": "media"},
)
client.pool.add(pool)
seen = client.pool.get("old")
client.job.add(models.JobAddParameter(id="old", pool_info=models.PoolInformation(pool_id="old")))
tasks = [
    models.TaskAddParameter(id=f"t{n}", command_line="/bin/bash -c 'echo $AZ_BATCH_TASK_ID'")
    for n in range(150)
]
for start in range(0, 150, 100):
    added = client.task.add_collection("old", tasks[start : start + 100])
    assert all(item.status == models.TaskAddStatus.success for item in added.value), added
again = client.task.add_collection("old", tasks[:1]).value[0]
end = time.monotonic() + 60
while client.job.get_task_counts("old").task_counts.completed < 150 and time.monotonic() < end:
    time.sleep(0.1)
options = models.TaskListOptions(filter="state eq 'completed'", select="id,state")
listed = list(client.task.list("old", task_list_options=options))
output = b"".join(client.file.get_from_task("old", "t7", "stdout.txt")).decode()
client.job.patch("old", models.JobPatchParameter(priority=5))
client.job.terminate("old")
client.job.delete("old")
client.pool.delete("old")
json.dump(
    {
        "mode": seen.target_node_communication_mode,
        "tags": seen.resource_tags,
        "again": [again.status, again.error.code],
        "listed": len(listed),
        "output": output,
    },
    sys.stdout,
)
