"""A key of idempotency names one request, so each request that is made up gets a new one in the place
of one that may be used; those that may not are sent as they are."""

import re
import uuid

import schemathesis

KEY = re.compile(r"[!-~]{1,255}")


@schemathesis.hook
def before_call(context, case, kwargs):
    key = (case.headers or {}).get("Idempotency-Key")
    if isinstance(key, str) and KEY.fullmatch(key):
        case.headers["Idempotency-Key"] = str(uuid.uuid4())
