"""Which tasks need work, and why: one query over the tasks that should be and what is there of them.

The outputs are the record of what was done. Steps come in this order, each from what those before it filled; what a row
of a table is stands in `ledger/tables.py`:

    step                   fills                              from
    work._PAIR_OTHERS      other, again, earlier, changed     unmatched: live tasks that are no first attempts
    flow.find_whole        lacking, whole                     makes, output, torn
    work._VERDICTS         verdict, each task alone           counted (live), ending, output, uploaded, and all above
    reading.find_older     older; verdict                     uploaded, under names of older versions
    selecting.run_again    verdict                            chosen: --rerun
    flow.follow            verdict, group by group; copy      edge, unknown, output
    selecting.select       selected; verdict, copy            chosen: --only, and what a later round is for
    reading.find_uploads   upload                             uploaded, older
    work._find_downloads   download                           copy, output, and the files of this machine
"""
