"""Names and options, as they are typed, to objects."""

from graphmarl.resolver.declaration import Declaration as Declaration
from graphmarl.resolver.lazy import Registry as Registry
from graphmarl.resolver.lazy import lazy_attributes as lazy_attributes
from graphmarl.resolver.lazy import quick_import as quick_import
from graphmarl.resolver.options import construct as construct
from graphmarl.resolver.options import defaults_of as defaults_of
from graphmarl.resolver.options import hint as hint
from graphmarl.resolver.options import hints_of as hints_of
from graphmarl.resolver.options import imported as imported
from graphmarl.resolver.options import joined as joined
from graphmarl.resolver.options import lookup as lookup
from graphmarl.resolver.options import options_of as options_of
from graphmarl.resolver.options import split_name as split_name
from graphmarl.resolver.options import typed as typed
from graphmarl.resolver.options import with_absolute_files as with_absolute_files
