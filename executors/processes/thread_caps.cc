#include "executors/processes/thread_caps.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace remuda {
namespace {

constexpr std::array<std::string_view, 14> kVariables = {
    "REMUDA_CPUS",         "OMP_NUM_THREADS",     "OPENBLAS_NUM_THREADS",
    "GOTO_NUM_THREADS",    "MKL_NUM_THREADS",     "BLIS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS", "NUMEXPR_MAX_THREADS", "VECLIB_MAXIMUM_THREADS",
    "VIPS_CONCURRENCY",    "RAYON_NUM_THREADS",   "POLARS_MAX_THREADS",
    "JULIA_NUM_THREADS",   "GOMAXPROCS"};

}  // namespace

void AddThreadCaps(uint32_t cpus, std::vector<std::string>* environment) {
  const std::string number = std::to_string(cpus);
  const auto own_end = static_cast<std::ptrdiff_t>(environment->size());
  for (const std::string_view variable : kVariables) {
    std::string entry(variable);
    entry += '=';
    const bool is_set = std::any_of(
        environment->begin(), environment->begin() + own_end,
        [&](const std::string& own) { return own.rfind(entry, 0) == 0; });
    if (!is_set) environment->push_back(entry + number);
  }
}

}  // namespace remuda
