"""The worker: one process per user that keeps networks and compiled functions warm and runs editors' jobs.

`server` listens and decides when to stop, `session` speaks with one client, `engine` computes one job at a time,
`execution` turns a request into layers; `dioptre_link.wire` describes the messages.
"""
