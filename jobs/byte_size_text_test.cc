#include "jobs/byte_size_text.h"

#include <gtest/gtest.h>

namespace remuda {
namespace {

TEST(ByteSizeTextTest, ReadsUnits) {
  EXPECT_EQ(ParseByteSize("256Mi"), uint64_t{256} << 20);
  EXPECT_EQ(ParseByteSize("1.5Gi"), uint64_t{1536} << 20);
  EXPECT_EQ(ParseByteSize("500M"), 500'000'000u);
  EXPECT_EQ(ParseByteSize("64k"), 64'000u);
  EXPECT_EQ(ParseByteSize("1024"), 1024u);
  EXPECT_EQ(ParseByteSize("0"), 0u);
}

TEST(ByteSizeTextTest, RefusesTheRest) {
  for (const char* text : {"", "Mi", "-1Mi", "1 Mi", "1mb", "1MiB", "0.5",
                           "1e9", "inf", "nan", "9999999Ti", "0x10"}) {
    EXPECT_EQ(ParseByteSize(text), std::nullopt) << text;
  }
}

TEST(ByteSizeTextTest, WritesTheLargestUnit) {
  EXPECT_EQ(ByteSizeText(0), "0");
  EXPECT_EQ(ByteSizeText(1000), "1000");
  EXPECT_EQ(ByteSizeText(uint64_t{256} << 20), "256Mi");
  EXPECT_EQ(ByteSizeText(uint64_t{1536} << 20), "1.5Gi");
  EXPECT_EQ(ByteSizeText((uint64_t{256} << 20) + 1), "256Mi");
}

}  // namespace
}  // namespace remuda
