"""A local provider that speaks the OpenAI API: simulated answers, real token counts, its own usage record."""
