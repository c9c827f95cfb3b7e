from datetime import timedelta

# Waits between the attempts to hand something over to whoever carries it.
PAUSES = [timedelta(seconds=10), timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30)]
