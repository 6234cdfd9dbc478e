#pragma once

namespace remuda {

// What this process uses, as Prometheus's client libraries report it.
struct ProcessUsage {
  double cpu_seconds = 0;
  double resident_bytes = 0;
  double open_fds = 0;
  double max_fds = 0;
  double start_time_seconds = 0;  // since 1970
  double threads = 0;
};

// Reads /proc; zero for what is not there. Thread: any.
ProcessUsage ReadProcessUsage();

}  // namespace remuda
