"""What is asked of the account itself: images, applications, usage."""

from batchspec.emulator.http.call import Call, Reply, list_of
from batchspec.emulator.life.model import Body
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
        "osType": "windows" if is_windows(image.agent) else "linux",
    }
    if image.capabilities:
        found["capabilities"] = list(image.capabilities)
    if image.end:
        found["batchSupportEndOfLife"] = f"{image.end}T00:00:00Z"
    return found


def list_applications(call: Call) -> Reply:
    return list_of(call, "applications", ())


def get_application(_: Call) -> Reply:
    raise ApiError("ApplicationNotFound")


def list_pool_usage_metrics(call: Call) -> Reply:
    return list_of(call, "poolusagemetrics", ())
