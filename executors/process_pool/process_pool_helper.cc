// The sub-commands of `remuda` that the process pool starts, as a program of
// its own for tests and benchmarks.

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "executors/processes/spawner_main.h"
#include "workers/native/worker_main.h"

int main(int argc, char** argv) {
  if (argc >= 3 && std::string_view(argv[1]) == "spawner") {
    return remuda::SpawnerMain(argc, argv);
  }
  if (argc == 3 && std::string_view(argv[1]) == "worker") {
    return remuda::WorkerMain(std::atoi(argv[2]));
  }
  std::fprintf(stderr, "usage: %s spawner|worker FD\n", argv[0]);
  return 2;
}
