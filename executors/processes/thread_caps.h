#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace remuda {

// Adds REMUDA_CPUS and the variables by which native libraries and runtimes
// (OpenMP, OpenBLAS, MKL, numexpr, libvips, Rayon, Go ...) are told how many
// threads they may start, each set to `cpus`. A variable that `environment`
// already has stays as it is: the job's own word counts.
void AddThreadCaps(uint32_t cpus, std::vector<std::string>* environment);

}  // namespace remuda
