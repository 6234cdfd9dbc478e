#pragma once

#include <span>

namespace remuda {

// y[i] = x[i] * a + y[i], for as many numbers as both have, with the widest
// registers of this processor. Rounds as a plain loop does: the result is the
// same on every machine.
void MultiplyAdd(std::span<const double> x, double a, std::span<double> y);

// "avx512f", "avx2" or "sse2": what MultiplyAdd uses here.
const char* VectorUnit();

}  // namespace remuda
