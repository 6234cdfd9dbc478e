// A plugin of version 1 of the interface, for tests: what was built years ago
// must go on working. Its structs are written down here, as the header of those
// days is gone.

#include <cstddef>
#include <cstdint>

struct remuda_task;

namespace {

struct FirstHost {
  uint32_t size;
  void (*succeed)(remuda_task* task, const char* json, size_t length);
  void (*fail)(remuda_task* task, const char* text, size_t length);
  int (*stop_requested)(remuda_task* task);
};

struct FirstJobType {
  const char* name;
  const char* meaning;
  const char* workload;
  const void* parameters;
  size_t parameter_count;
  void* (*make_state)();
  void (*free_state)(void* state);
  void (*run)(const FirstHost* host, remuda_task* task, void* state,
              const char* parameters, size_t length);
};

struct FirstManifest {
  uint32_t abi;
  uint32_t job_type_size;
  const char* name;
  const char* version;
  const FirstJobType* job_types;
  size_t job_type_count;
};

void Run(const FirstHost* host, remuda_task* task, void*, const char*, size_t) {
  if (host->stop_requested(task) != 0) return;
  host->succeed(task, "\"of version 1\"", 14);
}

constexpr FirstJobType kTypes[] = {
    {"test.first", "Ends at once.", "cpu", nullptr, 0, nullptr, nullptr, &Run}};

constexpr FirstManifest kManifest = {
    1, sizeof(FirstJobType), "first", "1.0", kTypes, 1};

}  // namespace

extern "C" const FirstManifest* remuda_plugin() { return &kManifest; }
