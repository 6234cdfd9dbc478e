#pragma once

#include <cstddef>
#include <span>

namespace remuda {

// out[i] = a * x[i] + 2 * ... is not it: out[i] = x[i] * a + y[i].
void MultiplyAdd(std::span<const double> x, double a, std::span<const double> y,
                 std::span<double> out);

}  // namespace remuda
