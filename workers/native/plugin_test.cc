#include "workers/native/plugin.h"

#include <gtest/gtest.h>

#include <string>

#include "plugins/handler.h"

namespace remuda {
namespace {

class Handler {
 public:
  std::string Run(std::string_view, plugin::TaskContext&) { return "1"; }
};

class SharedHandler : public Handler {
 public:
  static constexpr bool kThreadSafe = true;
};

class Coroutine {
 public:
  plugin::Task<std::string> Run(std::string_view, plugin::TaskContext&) {
    co_return "1";
  }
};

constexpr remuda_parameter kParameters[] = {
    {"file", "text", 1, "A file."}, {"most", "integer", 0, "A number."}};

constexpr remuda_job_type kJobTypes[] = {
    plugin::JobTypeOf<Handler>({"test.plain", "Plain.", "cpu", kParameters}),
    plugin::JobTypeOf<SharedHandler>({"test.shared", "Shared.", "blocking"}),
    plugin::JobTypeOf<Coroutine>({"test.coroutine", "Waits.", "io"})};

constexpr remuda_manifest kManifest =
    plugin::ManifestOf("test", "1.0", kJobTypes);

std::string FaultOf(const remuda_manifest& manifest) {
  const auto read = PluginOf(&manifest);
  return read.ok() ? "" : std::string(read.status().message());
}

// The structs as version 1 had them.
struct FirstJobType {
  const char* name;
  const char* meaning;
  const char* workload;
  const remuda_parameter* parameters;
  size_t parameter_count;
  void* (*make_state)(void);
  void (*free_state)(void* state);
  void (*run)(const remuda_host* host, remuda_task* task, void* state,
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

TEST(PluginTest, TheFormsOfTypesAreKnown) {
  const auto read = PluginOf(&kManifest);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->abi, 2u);
  ASSERT_EQ(read->job_types.size(), 3u);
  EXPECT_FALSE(read->job_types[0].is_coroutine());
  EXPECT_FALSE(read->job_types[0].is_thread_safe());
  EXPECT_TRUE(read->job_types[1].is_thread_safe());
  EXPECT_TRUE(read->job_types[2].is_coroutine());
  ASSERT_EQ(read->job_types[0].parameters.size(), 2u);
  EXPECT_STREQ(read->job_types[0].parameters[1].name, "most");
  const std::string json = ManifestJson(*read);
  EXPECT_NE(json.find("\"form\":\"coroutine\""), std::string::npos) << json;
  EXPECT_NE(json.find("\"thread_safe\":true"), std::string::npos) << json;
}

TEST(PluginTest, APluginOfVersion1IsTaken) {
  const auto run = [](const remuda_host* host, remuda_task* task, void*,
                      const char*, size_t) { host->succeed(task, "1", 1); };
  const FirstJobType types[] = {
      {"old.a", "The first.", "cpu", kParameters, 2, nullptr, nullptr, run},
      {"old.b", "The second.", "io", nullptr, 0, nullptr, nullptr, run}};
  const FirstManifest manifest = {1, sizeof(FirstJobType), "old", "0.9", types,
                                  2};
  const auto read =
      PluginOf(reinterpret_cast<const remuda_manifest*>(&manifest));
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_EQ(read->job_types.size(), 2u);
  EXPECT_STREQ(read->job_types[1].type.name, "old.b");
  EXPECT_FALSE(read->job_types[1].is_thread_safe());
  EXPECT_FALSE(read->job_types[1].is_coroutine());
  EXPECT_EQ(read->job_types[0].parameters.size(), 2u);
}

TEST(PluginTest, OtherVersionsAreRefusedWithWhatToDo) {
  remuda_manifest manifest = kManifest;
  manifest.abi = 3;
  EXPECT_NE(FaultOf(manifest).find("needs a newer Remuda"), std::string::npos);
  manifest.abi = 0;
  EXPECT_NE(FaultOf(manifest).find("build it again"), std::string::npos);
  manifest = kManifest;
  manifest.host_size = sizeof(remuda_host) + 8;
  EXPECT_NE(FaultOf(manifest).find("built for a newer"), std::string::npos);
  manifest = kManifest;
  manifest.job_type_size -= 8;
  EXPECT_NE(FaultOf(manifest).find("another size"), std::string::npos);
  // One of version 2 that says it is of version 1.
  manifest = kManifest;
  manifest.abi = 1;
  EXPECT_NE(FaultOf(manifest).find("version 1"), std::string::npos);
}

TEST(PluginTest, StructsMayHaveGrown) {
  struct LongerJobType {
    remuda_job_type known;
    void* later;
  };
  const LongerJobType types[] = {{kJobTypes[0], nullptr},
                                 {kJobTypes[2], nullptr}};
  remuda_manifest manifest = kManifest;
  manifest.job_type_size = sizeof(LongerJobType);
  manifest.job_types = &types[0].known;
  manifest.job_type_count = 2;
  const auto read = PluginOf(&manifest);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_STREQ(read->job_types[1].type.name, "test.coroutine");
}

TEST(PluginTest, WhatIsNotWholeIsNamed) {
  const auto fault_with = [](auto change) {
    remuda_job_type type = kJobTypes[0];
    change(type);
    remuda_manifest manifest = kManifest;
    manifest.job_types = &type;
    manifest.job_type_count = 1;
    return FaultOf(manifest);
  };
  EXPECT_EQ(fault_with([](auto&) {}), "");
  EXPECT_NE(fault_with([](auto& type) { type.form = 7; }), "");
  EXPECT_NE(fault_with([](auto& type) { type.run = nullptr; }), "");
  EXPECT_NE(fault_with([](auto& type) { type.form = REMUDA_COROUTINE; }), "");
  EXPECT_NE(fault_with([](auto& type) { type.free_state = nullptr; }), "");
  EXPECT_NE(fault_with([](auto& type) { type.name = "nodot"; }), "");
  EXPECT_NE(fault_with([](auto& type) { type.workload = "sleepy"; }), "");
  EXPECT_NE(fault_with([](auto& type) { type.parameters = nullptr; }), "");
  EXPECT_FALSE(PluginOf(nullptr).ok());
}

TEST(PluginTest, WhatIsNoSharedObjectIsNamed) {
  const auto read = LoadPlugin("/does/not/exist.so");
  ASSERT_FALSE(read.ok());
  EXPECT_NE(std::string(read.status().message()).find("/does/not/exist.so"),
            std::string::npos);
}

}  // namespace
}  // namespace remuda
