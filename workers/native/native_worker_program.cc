// `remuda worker` alone, for tests of the worker.

#include <cstdlib>

#include "workers/native/worker_main.h"

int main(int argc, char** argv) {
  return argc == 3 ? remuda::WorkerMain(std::atoi(argv[2])) : 2;
}
