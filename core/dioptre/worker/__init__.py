"""The worker: one process per user that runs editors' jobs and keeps networks and compiled functions in memory.

`server` listens and decides when to stop, `session` serves one client, `engine` computes one job at a time,
`execution` runs a job's operation and writes its layers; `dioptre_link.wire` describes the messages.
"""
