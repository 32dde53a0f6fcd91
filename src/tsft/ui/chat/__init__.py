"""The Chat tab: series are attached, a base or a result is asked, answers stand beside each other and become rows."""
