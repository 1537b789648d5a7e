"""How anything is shown: tidy frames, text, HTML, charts."""
