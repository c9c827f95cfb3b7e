DATETIME_FORMAT = "Y-m-d H:i:s e"  # to the second, with the zone: a log is compared with others
DATE_FORMAT = "Y-m-d"
