"""Generate, review and export LLM training data. Knows nothing of Streamlit."""
