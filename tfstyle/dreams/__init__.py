"""Dreams: pictures in which a network sees more of what it sees."""
