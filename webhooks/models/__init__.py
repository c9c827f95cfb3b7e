from webhooks.models.delivery import Attempt, Delivery
from webhooks.models.endpoint import Endpoint, SigningKey
from webhooks.models.notice import OwnerNotice

__all__ = ["Attempt", "Delivery", "Endpoint", "OwnerNotice", "SigningKey"]
