"""How the admin writes times; pages and mails say them in words (approvals.display_time)."""
