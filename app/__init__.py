"""What a person sees: window, tray and command line. Of ``core`` it knows ``core.api`` alone.

Reading order: ``cli`` and ``terminal/`` are the commands; ``application`` puts the window together from ``client`` (the
engine's socket), ``stores/`` (all that pages read), ``pages/``, ``widgets/``, ``window`` and ``tray``. ``words/`` says
numbers and sentences in the owner's language and makes the text of others harmless, ``children/`` are the processes the
window starts itself, ``desktop/`` is what the program is to the desktop around it.
"""
