"""What a script of azure-batch 6 to 11 does, on the account that the environment names. Prints what it saw, as JSON."""

import json
import os
import sys
import time

from azure.batch import BatchServiceClient, models
from azure.batch.batch_auth import SharedKeyCredentials

credentials = SharedKeyCredentials(os.environ["AZURE_BATCH_ACCOUNT"], os.environ["AZURE_BATCH_ACCESS_KEY"])
client = BatchServiceClient(credentials, batch_url=os.environ["AZURE_BATCH_ENDPOINT"])

image = models.ImageReference(publisher="canonical", offer="ubuntu-24_04-lts", sku="server")
disk = models.DataDisk(lun=0, disk_size_gb=8, storage_account_type="standard_lrs")
machine = models.VirtualMachineConfiguration(
    image_reference=image, node_agent_sku_id="batch.node.ubuntu 24.04", data_disks=[disk]
)
slots = "max_tasks_per_node" if hasattr(models.CloudPool(), "max_tasks_per_node") else "task_slots_per_node"
pool = models.PoolAddParameter(
    id="old",
    vm_size="STANDARD_D2DS_V5",
    virtual_machine_configuration=machine,
    target_dedicated_nodes=1,
    **{slots: 4},
)
client.pool.add(pool)
seen = client.pool.get("old")
client.job.add(models.JobAddParameter(id="old", pool_info=models.PoolInformation(pool_id="old")))
tasks = [
    models.TaskAddParameter(id=f"t{n}", command_line="/bin/bash -c 'echo $AZ_BATCH_TASK_ID'")
    for n in range(5)
]
added = client.task.add_collection("old", tasks)
end = time.monotonic() + 60
while True:
    counts = client.job.get_task_counts("old")
    counts = getattr(counts, "task_counts", counts)
    if counts.completed == 5 or time.monotonic() > end:
        break
    time.sleep(0.1)
output = b"".join(client.file.get_from_task("old", "t3", "stdout.txt")).decode()
account = client.account
images = getattr(account, "list_supported_images", None) or account.list_node_agent_skus
agents = {getattr(found, "node_agent_sku_id", None) or found.id for found in images()}
json.dump(
    {
        "slots": getattr(seen, slots),
        "disk": seen.virtual_machine_configuration.data_disks[0].storage_account_type,
        "added": [item.status.value for item in added.value],
        "completed": counts.completed,
        "succeeded": counts.succeeded,
        "output": output,
        "agent": "batch.node.ubuntu 24.04" in agents,
    },
    sys.stdout,
)
