#include "jobs/spec_schema.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "jobs/job_type.h"
#include "jobs/spec.h"
#include "jobs/spec_keys.h"

namespace remuda {
namespace {

using Json = nlohmann::json;

TEST(SpecKeysTest, EveryKeyHasItsParentAndAMeaning) {
  for (const SpecKey& key : SpecKeys()) {
    EXPECT_TRUE(key.meaning.ends_with('.')) << key.path;
    EXPECT_EQ(FindSpecKey(key.path), &key) << "twice: " << key.path;
    EXPECT_TRUE(!key.required || !key.example.empty()) << key.path;
    const size_t dot = key.path.rfind('.');
    if (dot == std::string_view::npos) continue;
    EXPECT_NE(FindSpecKey(key.path.substr(0, dot)), nullptr) << key.path;
  }
}

TEST(SpecSchemaTest, HasEveryKeyAndType) {
  const Json schema = Json::parse(SpecSchemaJson());
  EXPECT_EQ(schema["required"],
            Json({"apiVersion", "kind", "metadata", "spec"}));
  const Json& spec = schema["properties"]["spec"];
  EXPECT_EQ(spec["additionalProperties"], false);
  for (const SpecKey* key : SpecKeysUnder("spec")) {
    EXPECT_TRUE(spec["properties"].contains(LastName(*key))) << key->path;
  }
  EXPECT_TRUE(spec["properties"]["deadline"].contains("not"));
  EXPECT_EQ(spec["properties"]["concurrency"]["minimum"], 1);
  EXPECT_EQ(spec["properties"]["timeout"]["anyOf"][1]["required"],
            Json({"after"}));
  ASSERT_EQ(spec["allOf"].size(), ShippedJobTypes().size());
  const Json& command = spec["allOf"][0];
  EXPECT_EQ(command["if"]["properties"]["type"]["const"], "command");
  EXPECT_EQ(command["then"]["properties"]["with"]["required"], Json({"argv"}));
}

TEST(SpecSchemaTest, TheReferenceIsUpToDate) {
  std::stringstream text;
  text << std::ifstream("docs/SPEC.md").rdbuf();
  EXPECT_NE(text.str().find(ReferenceMarkdown()), std::string::npos)
      << "docs/SPEC.md has to hold this from '## Keys' on:\n"
      << ReferenceMarkdown();
}

}  // namespace
}  // namespace remuda
