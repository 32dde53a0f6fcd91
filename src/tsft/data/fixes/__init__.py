"""What can be done about a finding, always on a copy: functions of one row, and the derived dataset they make."""
