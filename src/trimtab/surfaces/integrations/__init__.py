"""Training loops that people already have: one file a library, public as `trimtab.integrations.<library>`.

They import only the public names of Trimtab, each the one library that it is for, and nothing imports them.
"""
