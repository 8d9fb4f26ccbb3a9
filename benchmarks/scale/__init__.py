"""How a proxy holds many connections and many streams at once: its memory before, meanwhile and after."""
