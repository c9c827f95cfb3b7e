"""When people are at work, and when they are reminded of what waits for them. Pure."""

from datetime import UTC, datetime, time, timedelta, tzinfo

from tracks.clock import whole_milliseconds

OPENS, CLOSES = time(8), time(18)
NOON = time(12)
SATURDAY = 5

# After so long, and once so much of the time for an answer has passed.
REMIND_AFTER = (timedelta(hours=24), timedelta(hours=72))
LAST_FIFTH = 5
BETWEEN_REMINDERS = timedelta(hours=4)
LEAST_LEFT = timedelta(minutes=5)  # a reminder that leaves less is no help


def is_working_day(moment: datetime, zone: tzinfo) -> bool:
    """Tell whether people work on this day. Holidays are not known here."""
    return moment.astimezone(zone).weekday() < SATURDAY


def is_daytime(moment: datetime, zone: tzinfo) -> bool:
    """Tell whether people are at work: from 8 to 18 o'clock, Monday to Friday."""
    clock = moment.astimezone(zone).time()
    return is_working_day(moment, zone) and OPENS <= clock < CLOSES


def next_daytime(moment: datetime, zone: tzinfo) -> datetime:
    """Return this moment, or the first behind it at which people are at work."""
    if is_daytime(moment, zone):
        return moment
    local = moment.astimezone(zone)
    day = local.date() if local.time() < OPENS else local.date() + timedelta(days=1)
    while day.weekday() >= SATURDAY:
        day += timedelta(days=1)
    return datetime.combine(day, OPENS, zone).astimezone(UTC)


def is_digest_time(moment: datetime, zone: tzinfo) -> bool:
    """Tell whether this is the morning of a working day."""
    clock = moment.astimezone(zone).time()
    return is_working_day(moment, zone) and OPENS <= clock < NOON


def reminder_times(*, asked_at: datetime, ends_at: datetime, zone: tzinfo) -> list[datetime]:
    """Return when to remind somebody of an ask: at most three times, in working hours.

    Those that come to fall together are one.
    """
    last = ends_at - (ends_at - asked_at) // LAST_FIFTH
    wanted = [*(asked_at + each for each in REMIND_AFTER), whole_milliseconds(last)]
    times = {next_daytime(each, zone) for each in wanted}
    return sorted(each for each in times if leaves_enough(each, ends_at))


def pause_between(*, asked_at: datetime, ends_at: datetime) -> timedelta:
    """Return how long somebody who had a mail is left alone: less where there is little time."""
    return min(BETWEEN_REMINDERS, (ends_at - asked_at) // LAST_FIFTH)


def leaves_enough(moment: datetime, ends_at: datetime) -> bool:
    """Tell whether a reminder then would leave time to do something."""
    return ends_at - moment >= LEAST_LEFT
