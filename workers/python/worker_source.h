#pragma once

#include <string>

namespace remuda {

// The bytes of remuda_worker.pyz, built into the binary so that one file is all
// there is to install.
std::string PythonWorkerSource();

}  // namespace remuda
