"""A request is signed with an account's key as azure-batch signs it, and anew each time that it is sent."""

from __future__ import annotations

from typing import Any

from azure.batch._patch import BatchSharedKeyAuthPolicy
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.pipeline import PipelineContext, PipelineRequest
from azure.core.rest import HttpRequest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchspec.service.batch.shared_key import SharedKeyPolicy

KEY = AzureNamedKeyCredential("account", "a2V5" * 16)
HEADERS = {
    *("Accept", "Content-Type", "Content-Encoding", "If-Match", "If-None-Match", "If-Modified-Since"),
    *("Range", "ocp-range", "ocp-batch-file-url", "client-request-id", "Date"),
}
PATHS = st.lists(st.text("aZ0-_.%2F:~$ü", min_size=1), max_size=5).map(lambda parts: "/" + "/".join(parts))
WORDS = st.text("aZ0 -_.%+=:;~$'\"ü&?/")
REQUESTS = st.builds(
    HttpRequest,
    st.sampled_from(["GET", "HEAD", "POST", "PATCH", "PUT", "DELETE"]),
    PATHS.map("https://account.region.batch.azure.com{}".format),
    params=st.dictionaries(
        st.sampled_from(["api-version", "$filter", "$select", "$skiptoken", "Z", ""]), WORDS
    ),
    headers=st.dictionaries(st.sampled_from(sorted(HEADERS)), st.text('aZ0=-/ ;"')),
    content=st.none() | st.binary(),
)


@given(REQUESTS)
@settings(max_examples=200, deadline=None)
def test_it_is_the_signature_that_azure_batch_makes(request: HttpRequest) -> None:
    """Byte for byte, whatever the method, the address, the headers and the body."""
    signed: PipelineRequest[Any] = PipelineRequest(request, PipelineContext(None))
    SharedKeyPolicy(KEY).on_request(signed)
    ours = request.headers.pop("Authorization")
    BatchSharedKeyAuthPolicy(KEY).on_request(signed)
    assert ours == request.headers["Authorization"]


def test_a_repeated_request_has_a_date_of_its_own() -> None:
    """A service that was away for a quarter of an hour takes the call all the same."""
    request = HttpRequest(
        "GET", "https://account/jobs", headers={"ocp-date": "Thu, 01 Jan 1970 00:00:00 GMT"}
    )
    SharedKeyPolicy(KEY).on_request(PipelineRequest(request, PipelineContext(None)))
    assert not request.headers["ocp-date"].endswith("1970 00:00:00 GMT")
