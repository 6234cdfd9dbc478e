#include "base/digest.h"

#include <gtest/gtest.h>

namespace remuda {
namespace {

// As printed by `b2sum -l 256` and `b2sum -l 128`.
TEST(DigestTest, IsBlake2b) {
  EXPECT_EQ(DigestHex("remuda"),
            "ad01afc67c7c9a4508950a3d328038799902a2bf6cafb329e365f9abf35067da");
  EXPECT_EQ(ShortDigestHex("remuda"), "85db8d591f95125c92691b9d9422b2aa");
  EXPECT_EQ(DigestHex(""),
            "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
}

TEST(DigestTest, PiecesGiveTheSameAsTheWhole) {
  Digest digest;
  digest.Update("rem");
  EXPECT_EQ(digest.Hex(), DigestHex("rem"));
  digest.Update("uda");
  EXPECT_EQ(digest.Hex(), DigestHex("remuda"));
}

TEST(DigestTest, NumbersAreLittleEndian) {
  Digest digest;
  digest.Update(uint64_t{0x0807060504030201});
  EXPECT_EQ(digest.Hex(), DigestHex("\x01\x02\x03\x04\x05\x06\x07\x08"));
}

}  // namespace
}  // namespace remuda
