"""LLMs behind APIs (extra ``llm``: ``pip install 'sizewise[llm]'``): asked, paid within a budget, remembered.

Nothing here is imported by ``import sizewise``, and the clients themselves only by the first call (``client.py``).
"""
