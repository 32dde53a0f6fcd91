"""The label room: what is to be looked at by a person, what the person said, and the rows that come of it."""
