// Old versions of this module have a package that is in a module of its own today,
// and both together do not build. What old dependencies of peers say they need of
// it, nobody here uses.
module cloud.google.com/go

go 1.26.0
