"""The cost explorer: Streamlit pages over the sidecar's HTTP API."""
