#pragma once

#include <string>

namespace remuda {

// The text of remuda_worker.py, built into the binary so that one file is all
// there is to install.
std::string PythonWorkerSource();

}  // namespace remuda
