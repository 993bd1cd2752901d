"""The name of a file on the node keeps the suffixes by which programs know what is in it."""

from __future__ import annotations

import pytest
from main_job.workload import Workload

from batchspec.desired.names import node_name


@pytest.mark.parametrize(
    ("name", "suffixes"),
    [
        ("two words.mp4", ".mp4"),
        ("two words.nii.gz", ".nii.gz"),
        ("two words.g.vcf.gz", ".g.vcf.gz"),
        ("größe.fastq.gz", ".fastq.gz"),
        ("größe.tar.zst", ".tar.zst"),
        ("ü.v2.1.mp4", ".mp4"),
        ("ü.7z", ".7z"),
        ("a folder/.tar.gz", ".gz"),
        ("ü.toolongsuffix", ""),
        ("ü.", ""),
        ("ü", ""),
        ("x" * 101 + ".tar.gz", ".tar.gz"),
    ],
)
def test_an_alias_has_the_suffixes(name: str, suffixes: str) -> None:
    assert node_name(name)[16:] == suffixes


def test_inputs_and_outputs_keep_their_suffixes(bare: Workload) -> None:
    """With a blank in its name a scan is found to be one, as without."""
    bare.write(
        """\
mask:
  inputs: clips/*
  command: |
    case {{ input.path }} in *.nii.gz) ;; *) exit 1 ;; esac
    case {{ output.path }} in *.nii.gz) ;; *) exit 1 ;; esac
    cp {{ input.path }} {{ output.path }}
  output: "{{ input.stem | replace('.nii', '') }}_mask.nii.gz"
"""
    )
    for name in ("sub 01 T1w.nii.gz", "plain.nii.gz"):
        (bare.clips / name).write_text(name)
    bare.apply()
    assert bare.downloaded() == {"sub 01 T1w_mask.nii.gz", "plain_mask.nii.gz"}
