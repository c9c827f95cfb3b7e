"""An agent that may be killed at any time and started again: `… ask` or `… cancel`."""

import json
import sys

from sayso import Sayso

client = Sayso()
track = client.create_track(
    title="Vendor invoice batch", customer_email="cfo@acme.com", external_id=sys.argv[2]
)
if sys.argv[1] == "cancel":
    track.cancel_input_request(reason="No longer needed.")
else:
    print("asking", flush=True)
    answer = track.confirm(prompt="Approve the new rate?", key="rate", timeout_seconds=600)
    print(json.dumps({"status": answer.status, "value": answer.value}), flush=True)
