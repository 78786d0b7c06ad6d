# The campaigns' programs: add_campaign(NAME SOURCES trust/... USES ...), and a line in tests/trust/campaigns for each.
