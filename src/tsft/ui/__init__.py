"""The page: what a person sees and clicks. Talks to the engine through `run.ports.EnginePort` and never imports it."""
