"""The payload of contract §4, as it is."""

import json
from typing import Any

# Written out, not dumped: 750.50 must stay 750.50.
EXPENSE_REPORT = b"""\
{"report_id": "EXP-2025-09-15-001", "total_amount": 750.50, "currency": "USD",
 "description": "Client dinner and travel for Q3 sales meeting.",
 "submitter": {"email_addr": "jane.doe@example.com", "full_name": "Jane Doe",
               "record_id": "user_12345"},
 "approver": {"email_addr": "john.smith@example.com", "full_name": "John Smith",
              "record_id": "user_67890"},
 "line_items": [{"item": "Client Dinner at The Grand Restaurant",
                 "category": "Meals & Entertainment", "amount": 250.00},
                {"item": "Round-trip flight to NYC", "category": "Travel", "amount": 450.50},
                {"item": "Taxi from JFK to Hotel", "category": "Travel", "amount": 50.00}]}
"""


def expense_report(**changes: Any) -> bytes:
    """Return a report with other fields; `submitter__full_name` reaches inside; None leaves out."""
    content = json.loads(EXPENSE_REPORT)
    for path, value in changes.items():
        *outer, name = path.split("__")
        target = content
        for each in outer:
            target = target[each]
        target[name] = value
    return json.dumps(content, ensure_ascii=False).encode()
