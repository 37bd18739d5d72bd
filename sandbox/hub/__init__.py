"""The whole hub on one machine: which processes it is made of, and what each of them is told.

`layout` is the folder, `programs` the table of processes, `hub` brings it up under the supervisor,
`running` is what a client may know of a hub that runs.
"""
