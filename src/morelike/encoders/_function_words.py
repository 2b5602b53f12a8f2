"""Words that say how a sentence is built and not what it is about, of some ten languages that part words by spaces.

Those that say something in another of the languages are left out: the German "war" is none.
"""

from __future__ import annotations

from morelike.words import folded

__all__ = ["FUNCTION_WORDS"]

_ENGLISH = """
a about above after again against all also an and any are as at be because been before being below between both but by
can could did do does down during each few for from further had has have he her here him his how i if in into is it its
just may me might more most my no nor not of off on once one only or other our out over own same shall she should so
some such than that the their them then there these they this those through to too under until up upon very was we were
what when where which while who whom why will with would you your
"""
_GERMAN = """
aber als am an auch auf aus bei bis da damit dann das dass dem der des dies diese dieser doch durch ein
eine einem einen einer eines er es für haben hatte ich ihr im in ins ist kann kein keine mit nach nicht noch
nur ob oder ohne sein seine sich sie sind so über um und uns unter vom von vor waren was weil wenn werden wie wir
wird zu zum zur
"""
_FRENCH = """
au aux avec ce ces cette comme dans de des donc dont du elle elles en est et été être eu il ils je la le les leur leurs
lui mais me même mes mon ne nous on ont ou où qu que qui sa sans se ses si sont ta te tout tu
un une vos votre vous y
"""
_SPANISH = """
al algo ante como con cual cuando de del desde donde e el ella ellas ellos en entre es esa ese eso esta este esto
fue ha han hasta hay la las le les lo los más me mi muy ni no nos o otra otro para pero por porque que qué quien se ser
si sí sobre su sus también te tiene todo tu un una uno unos y ya yo
"""
_PORTUGUESE = """
à ao aos as às com da das do dos ela elas ele eles em essa esse está eu foi há isso isto já lhe mais mas me mesmo meu
minha muito na nas não nem no nos nós o os ou para pela pelas pelo pelos por quando quem são se sem seu seus sua suas
também tem um uma você
"""
_ITALIAN = """
ad ai al alla alle anche che chi ci con da dai dal dalla degli dei del della delle di e è ed gli ha hanno
i il in io la le lo loro ma mi ne nei nel nella nelle noi non o perché più quando quella quello questa questo se
sei si sono su sua sul sulla suo tra tutto un una uno vi
"""
_DUTCH = """
aan als bij dan dat de der deze dit een en er geen haar had heb heeft het hij hun ik in is je kan
maar me meer mij mijn na naar niet nog nu of om omdat onder ons ook op over te tot uit veel voor waar was
wat we wel werd wie worden wordt ze zich zij zijn zo zou
"""
_SCANDINAVIAN = """
af alla att av blev blir da de deg dem der deres det detta dette din du där eller en er et ett for från för før
ha han har hun hva hvad hvem hvis hvor här i ikke inte jag jeg kan med mellan mig min mot når og också også
om på som skal så til till under upp ut vad var vara ved vi vid är
"""
_POLISH = """
aby bez być co czy dla do gdy i ich jak jako je jego jej jest już kiedy która które który lub ma może na nad
nie niż o od oraz po przed przez przy są się tak także tam te tego ten to tylko tym w we więc z za że
"""
_RUSSIAN = """
а без бы был была были было быть в вам вас во вот все вы для до его ее если есть еще же за и из или им их к как когда
кто ли меня мне мы на над не нет ни но о об он она они от по под при с так там то только у уже что чтобы эта эти это я
"""

FUNCTION_WORDS = frozenset(
    folded(
        " ".join(
            (
                _ENGLISH,
                _GERMAN,
                _FRENCH,
                _SPANISH,
                _PORTUGUESE,
                _ITALIAN,
                _DUTCH,
                _SCANDINAVIAN,
                _POLISH,
                _RUSSIAN,
            )
        )
    )
)
"""Folded, as words are compared."""
