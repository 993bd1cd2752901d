"""The main job, and what is only believed of Azure Batch, on a real account.

How to run:

    export AZURE_BATCH_ENDPOINT=https://ACCOUNT.REGION.batch.azure.com
    export AZURE_STORAGE_ACCOUNT=ACCOUNT
    az login                          # or AZURE_BATCH_ACCESS_KEY and AZURE_STORAGE_KEY
    pytest tests/live -m live -rA

Without the variables, or without `-m live`, everything here is skipped and says so: nobody
pays by running all tests.

What it costs: five Spot nodes for the main job and one dedicated node for the facts, all
Standard_D2ds_v5, for about ten to twenty minutes: some cents. It needs a quota of 10
low-priority and 2 dedicated cores, two pools and three active jobs.

What it leaves: nothing. The main job is taken away with `batchspec destroy --outputs`, the
pool, jobs and blobs of the facts by their fixtures, whatever fails. Their names begin with
`e` (the main job) and `live-`, should a run be killed. The blob containers `input` and
`output` stay, if they were not there before.

The checks themselves can be tried without an account, against the local one:

    eval "$(batchspec local env)" && pytest tests/live -m live

Each check's docstring says in brackets which statement of the API reference data (FACTS.md)
it settles, by its section; [K] there means known by hearsay, [EXP] seen with the SDK only. A
check that fails on Azure corrects that page, then the endpoint of the local account, then
whatever was built on it.
"""
