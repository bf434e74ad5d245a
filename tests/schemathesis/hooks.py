"""What schemathesis cannot know of the service. Nothing else is ignored."""

import hashlib

import jsonschema_rs
import schemathesis
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.core.parameters import ParameterLocation
from schemathesis.openapi.checks import RejectedPositiveData

# What a 422 may say of a request that its schema allows: rules between members, and about what there
# is, for which schemas have no words.
BEYOND_SCHEMAS = {
    # A cursor is opaque, and made by the service alone.
    "must be the endCursor of a page of this list",
    # An id in a body can be that of nothing, or of what the caller may not see.
    "must be the id of a namespace that you can see",
    "must be the id of an award of yours that is not revoked, and stand once",
    "must be that of a user",
    # One of two members: as oneOf it would trip up generators.
    "is required, unless username is sent",
    "must not be sent together with userId",
    # It depends on the clock.
    "must be in the future, and at most ten years from now",
    # Bytes that are no image, or too large a one.
    "must be a PNG, JPEG, GIF, BMP, TIFF, ICO or WebP image of at most 4096 pixels a side, whole and with nothing else in the file",
    # The full path is the path with those above.
    "must leave the full path at most 1024 characters long",
    "must leave the full paths below at most 1024 characters long",
}

THE_DEMOS = {*"12345678", *"admin grace ada alan barbara edsger frances margaret compilers apollo bletchley".split()}


@schemathesis.hook
def filter_failure(context, failure, case, response):
    if isinstance(failure, RejectedPositiveData) and response.status_code == 422:
        details = {error["detail"] for error in response.json().get("errors", [])}
        return not (details and details <= BEYOND_SCHEMAS)
    if isinstance(failure, AcceptedNegativeData):
        return not (null_stands_for_absent(case) or is_no_entity_tag(case))
    return True


def negative_parts(case):
    return {location for location in ParameterLocation if case.meta.is_negative_at(location)}


def is_no_entity_tag(case):
    """Whether all that is wrong is the If-None-Match, the one header that reads take: what is no
    entity tag matches nothing, so that the answer is as without it (RFC 9110, 13.1.2)."""
    return negative_parts(case) == {ParameterLocation.HEADER} and case.method == "GET"


def null_stands_for_absent(case):
    """Whether the body is right but for members that are null, which the service takes for absent:
    some generated clients send null for what was not set. The document does not offer it, as others
    cannot deal with members that may be null."""
    if negative_parts(case) != {ParameterLocation.BODY} or not isinstance(case.body, dict):
        return False
    document = case.operation.schema.raw_schema
    content = document["paths"][case.operation.path][case.operation.method.lower()]["requestBody"]["content"]
    schema = {**content[case.media_type]["schema"], "components": document["components"]}
    sent = {name: value for name, value in case.body.items() if value is not None}
    return len(sent) < len(case.body) and jsonschema_rs.is_valid(schema, sent)


@schemathesis.hook
def filter_case(context, case):
    """Spares the people and groups of the demo, with whom all else would go: what the run itself
    creates can be deleted."""
    if case.operation.label not in ("DELETE /users/{user}", "DELETE /namespaces/{namespace}"):
        return True
    (target,) = case.path_parameters.values()
    return not (str(target) in THE_DEMOS or str(target).split("/")[0] in THE_DEMOS)


@schemathesis.hook
def before_call(context, case, kwargs):
    # The few keys that are made up would be refused as used for another request. One for each
    # request is repeated with it, too.
    key = (case.headers or {}).get("Idempotency-Key")
    if key and ParameterLocation.HEADER not in negative_parts(case):
        request = hashlib.sha256(repr((case.formatted_path, case.media_type, case.body)).encode()).hexdigest()
        case.headers["Idempotency-Key"] = f"{key[:100]}-{request}"
    if not isinstance(case.body, dict):
        return
    # Without achievements most operations answer 404.
    if case.operation.label == "PUT /feature-flags/{name}" and case.body == {"enabled": False}:
        case.body = {"enabled": True}
    # What everyone who is signed in may see would look like a leak to object_level_authorization.
    if case.body.get("visibility") == "internal":
        case.body = {**case.body, "visibility": "private"}
