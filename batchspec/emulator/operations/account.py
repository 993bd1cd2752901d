"""What is asked of the account itself: images, applications, usage."""

from batchspec.emulator.http.reply import Reply
from batchspec.emulator.life.account.model import Body
from batchspec.emulator.operations.call import Call, entity, list_of
from batchspec.emulator.state.errors import ApiError
from batchspec.emulator.state.images import IMAGES, Image, is_windows


def list_supported_images(call: Call) -> Reply:
    shown = [_image(image) for image in IMAGES]
    return list_of(call, "supportedimages", ((f"{number:04d}", image) for number, image in enumerate(shown)))


def _image(image: Image) -> Body:
    found: Body = {
        "imageReference": {
            "publisher": image.publisher,
            "offer": image.offer,
            "sku": image.sku,
            "version": "latest",
        },
        "verificationType": "verified",
        "nodeAgentSKUId": image.agent,
        "osType": _system(image.agent),
    }
    if image.capabilities:
        found["capabilities"] = list(image.capabilities)
    if image.end:
        found["batchSupportEndOfLife"] = f"{image.end}T00:00:00Z"
    return found


def list_node_agent_skus(call: Call) -> Reply:
    """The same list by agent, as versions before 2019-06-01.9.0 ask for it."""
    agents: dict[str, list[Body]] = {}
    for image in IMAGES:
        agents.setdefault(image.agent, []).append(_image(image)["imageReference"])
    items = (
        (agent, {"id": agent, "verifiedImageReferences": references, "osType": _system(agent)})
        for agent, references in agents.items()
    )
    return list_of(call, "nodeagentskus", items)


def _system(agent: str) -> str:
    return "windows" if is_windows(agent) else "linux"


def list_certificates(_: Call) -> Reply:
    raise ApiError("CertificateRetired")


add_certificate = list_certificates


def list_applications(call: Call) -> Reply:
    items = ((str(found["id"]).lower(), _application(found)) for found in call.account.applications)
    return list_of(call, "applications", items)


def get_application(call: Call) -> Reply:
    found = call.account.applications.get(call.ids[0])
    if found is None:
        raise ApiError("ApplicationNotFound")
    return entity(call, "applications/@Element", _application(found))


def _application(found: Body) -> Body:
    return {"id": found["id"], "displayName": found["id"], "versions": sorted(found["versions"])}


def list_pool_usage_metrics(call: Call) -> Reply:
    return list_of(call, "poolusagemetrics", ())
