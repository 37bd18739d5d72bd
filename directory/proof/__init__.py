"""The coverage proof: who answers for every sub-district, problem, role and hour, before it counts.

`classes` names the hours that differ, `asked` lists every question, `answering` finds which step
answers each of them everywhere, `findings` says what is wrong, `again` asks the resolver itself.
"""
